"""What is wrong with the service and what it depends on: looked for by probes, told once when it begins and ends."""
