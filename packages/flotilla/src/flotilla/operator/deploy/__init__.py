"""``deploy``: from what the machines run to what the fleet file says. `facts` looks, `checks` and `plan` decide without
touching anything, `steps` carries out."""

from flotilla.operator.deploy.plan import Plan
from flotilla.operator.deploy.verb import Deployed, deploy

__all__ = ["Deployed", "Plan", "deploy"]
