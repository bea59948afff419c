"""The platform's calls, one module an area: what they check, what they answer, what they change."""

from sandbox.calls import templates, tokens, users

# Importing an area registers its calls; the tuple is what makes the imports deliberate.
AREAS = (templates, tokens, users)
