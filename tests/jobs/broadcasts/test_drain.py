"""Draining: claimed before sent, recorded after, whatever the platform answers and wherever the process dies."""


def test_every_row_is_sent_once(stage, make_account):
    account = make_account(per_second=100_000, per_minute=1_000_000)
    stage.people(account, 450)
    broadcast = stage.sent(account)
    report = stage.drain(broadcast, account)
    assert report.ended == "done"
    assert stage.counts(broadcast) == {"sent": 450}
    assert len(set(stage.platform.openids)) == len(stage.platform.calls) == 450
    rows = stage.rows(broadcast)
    assert all(row.msgid == str(10_000_000 + row.id) and row.attempts == 1 and row.first_attempt_at and row.sent_at for row in rows)
    assert len({call.payload["client_msg_id"] for call in stage.platform.calls}) == 450
