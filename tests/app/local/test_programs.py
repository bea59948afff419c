"""Which processes a house has and how they are called."""

from app.local.programs import house_programs, sandbox_program, web_program


def test_a_house_is_web_ingest_two_workers_and_cron(settings):
    programs = house_programs(settings, {"PATH": ""})
    assert [program.name for program in programs] == ["ingest", "urgent", "send", "cron", "web"]
    assert all(program.env == {"PATH": ""} for program in programs)
    assert [program.argv[1:] for program in programs[:-1]] == [("-m", "app.worker", name) for name in ("ingest", "urgent", "send", "cron")]


def test_the_web_respawns_workers_and_writes_no_access_log(settings):
    argv = web_program(settings, {}).argv
    assert argv[-1] == "wsgi:app"
    assert {"--respawn-failed-workers", "--no-access-log"} <= set(argv)
    assert argv[argv.index("--workers") + 1] == str(settings.web_workers)
    assert argv[argv.index("--blocking-threads") + 1] == str(settings.web_threads)


def test_the_sandbox_is_told_its_port_log_and_seed(tmp_path):
    program = sandbox_program({}, port=8900, log=tmp_path / "truth.log", seed=7)
    assert program.argv[1:] == ("-m", "sandbox", "--port", "8900", "--log", str(tmp_path / "truth.log"), "--seed", "7")
    assert program.ready() is False
