"""How it goes: findings, metrics, the host's clock, signs of life for systemd."""
