from tests.people import event, sender, template  # noqa: F401
