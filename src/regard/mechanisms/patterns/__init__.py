"""Which keys a query may see: patterns that leave most of the matrix out.

Where shapes say positions, a sequence looks at itself: its queries and keys are the same tokens, and as many.
"""
