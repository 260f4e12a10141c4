"""The bench harness: cases against peers, in pairs, with quality before time."""
