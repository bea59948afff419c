"""What tests stand on: servers, databases, the sandbox, the cast."""
