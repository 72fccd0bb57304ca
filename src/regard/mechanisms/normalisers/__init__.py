"""What becomes of scores: what may stand in the place of softmax, and gates around it."""
