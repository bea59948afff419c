"""The control plane under /_control/: who exists, what people do, which faults strike, how time passes."""
