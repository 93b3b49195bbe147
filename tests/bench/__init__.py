"""Benches: they measure and print; they judge nothing but what the gateway promises."""
