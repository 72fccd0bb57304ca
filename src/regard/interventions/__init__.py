"""What a model's answers become when a part of it is changed, prompt by prompt."""
