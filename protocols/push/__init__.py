"""What meters and gateways publish unasked: topics and payloads to columns of captures. No broker, no database."""
