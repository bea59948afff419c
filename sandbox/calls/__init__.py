"""The platform's calls, one module an area: what they check, what they answer, what they change."""

from sandbox.calls import (
    cardcodes,
    cards,
    mass,
    media,
    membercards,
    menus,
    mini,
    oauth,
    qrcodes,
    scanlogin,
    service,
    subscribe,
    tags,
    templates,
    tokens,
    users,
)

# Importing an area registers its calls; the tuple is what makes the imports deliberate.
AREAS = (
    cardcodes,
    cards,
    mass,
    media,
    membercards,
    menus,
    mini,
    oauth,
    qrcodes,
    scanlogin,
    service,
    subscribe,
    tags,
    templates,
    tokens,
    users,
)
