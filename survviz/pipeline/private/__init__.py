"""Private releases seen from the receiver, and released tables of relevance."""
