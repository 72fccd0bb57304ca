"""One streaming pass: received mass, entropy, pooled pictures, strongest weights."""
