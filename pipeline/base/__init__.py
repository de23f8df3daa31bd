"""Codes and facts, words, settings, jobs, and what this machine is: whatever the other storeys stand on."""
