"""Which head aligns best, in numbers and as a picture."""
