"""What Prometheus is told: pure text from a look at the engine's arrays. Nothing is counted here."""
