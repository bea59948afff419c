"""The group's CRM: an old member is asked for by phone when he becomes a member here, and what he had there is brought once."""
