"""Strict readers of the files: findings, and what was read. They share only tables of codes with the writers."""
