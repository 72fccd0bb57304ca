"""What replacing a part would do, without running it: from gradients, the stream, weights. Each says when it is wrong."""
