"""The usual counts of (A and B and not C) or D over the same table: EXISTS for each tag, and GROUP BY with HAVING."""

EXISTS = """
SELECT count(*) FROM customer c
WHERE c.joined_into_id IS NULL AND c.erased_at IS NULL AND (
  (EXISTS (SELECT 1 FROM customer_tag t WHERE t.customer_id = c.id AND t.tag_id = %(a)s AND (t.expires_at IS NULL OR t.expires_at > %(now)s))
   AND EXISTS (SELECT 1 FROM customer_tag t WHERE t.customer_id = c.id AND t.tag_id = %(b)s AND (t.expires_at IS NULL OR t.expires_at > %(now)s))
   AND NOT EXISTS (SELECT 1 FROM customer_tag t WHERE t.customer_id = c.id AND t.tag_id = %(c)s AND (t.expires_at IS NULL OR t.expires_at > %(now)s)))
  OR EXISTS (SELECT 1 FROM customer_tag t WHERE t.customer_id = c.id AND t.tag_id = %(d)s AND (t.expires_at IS NULL OR t.expires_at > %(now)s)))
"""

GROUP_BY = """
SELECT count(*) FROM (
  SELECT t.customer_id FROM customer_tag t
  WHERE t.tag_id IN (%(a)s, %(b)s, %(c)s, %(d)s) AND (t.expires_at IS NULL OR t.expires_at > %(now)s)
  GROUP BY t.customer_id
  HAVING (bool_or(t.tag_id = %(a)s) AND bool_or(t.tag_id = %(b)s) AND NOT bool_or(t.tag_id = %(c)s)) OR bool_or(t.tag_id = %(d)s)
) AS member
"""
