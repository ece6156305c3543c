"""How all tests run."""

from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # a property holds or not; how long a busy machine takes to see it says nothing

pytest_plugins = ("tests.parts.prefix_contract",)
