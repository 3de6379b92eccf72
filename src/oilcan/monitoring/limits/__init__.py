"""When is a statistic unusual? Limits drawn from clean windows, and the rules that apply them."""
