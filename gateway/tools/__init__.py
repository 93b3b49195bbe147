"""Tools that line files describe: each kind is made into functions that a model may call."""
