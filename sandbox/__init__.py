"""WeChat itself as a program on loopback: the platform's calls, its people and its callbacks."""
