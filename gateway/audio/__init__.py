"""Audio as phones know it: G.711, 8 kHz, one byte a sample."""
