"""The only speaker of wechatpy: inbound, gateway, tokens, sender and error classes."""
