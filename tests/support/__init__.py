"""What several tests need: small models, browsers, suites."""
