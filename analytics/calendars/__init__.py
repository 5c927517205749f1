"""Lists of holidays and make-up workdays, one TOML file a country; read by `analytics.day_types`."""
