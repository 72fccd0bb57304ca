"""From maps to findings: words, alignments."""
