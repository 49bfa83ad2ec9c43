"""Decision support for recurrent, refractory and drug-resistant cytomegalovirus infection."""

__version__ = "0.1.0"
