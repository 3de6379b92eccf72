"""What every part of the service uses: settings, refusals, metrics, memory limits, threads."""
