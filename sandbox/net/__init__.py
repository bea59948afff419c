"""HTTP/1.1 on raw asyncio protocols: the server the platform answers with and the client it calls back with."""
