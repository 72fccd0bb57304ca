"""The viewer: one front end over one recording, in a file, a notebook or a browser tab. Python says what there is to see."""
