"""How well a key fits a query: the score that softmax turns into a weight."""
