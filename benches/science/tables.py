"""A sales table cleaned, joined, grouped and reshaped: pandas does the work."""

import numpy as np
import pandas as pd

rng = np.random.default_rng(1)
n = 2_200_000
sales = pd.DataFrame(
    {
        "shop": rng.integers(0, 500, n),
        "product": rng.integers(0, 2000, n),
        "day": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
        "amount": rng.gamma(2.0, 10.0, n),
        "discount": rng.choice([0.0, 0.1, 0.2, np.nan], n),
    }
)
shops = pd.DataFrame(
    {"shop": np.arange(500), "region": rng.choice(["north", "south", "east", "west"], 500)}
)
print(sales.shape, sales["discount"].isna().sum())

sales["discount"] = sales["discount"].fillna(0)
sales["paid"] = sales["amount"] * (1 - sales["discount"])
sales.loc[sales["paid"] > 100, "paid"] = 100.0
sales["month"] = sales["day"].dt.month
sales = sales.merge(shops, on="shop", how="left")

by_region = sales.groupby(["region", "month"])["paid"].agg(["sum", "mean", "count"])
table = sales.pivot_table(
    index="product", columns="region", values="paid", aggfunc="sum", fill_value=0
)
ranks = table.rank(ascending=False)
best = {}
for region in table.columns:
    best[region] = int(table[region].idxmax())
    share = table[region] / table[region].sum()
    table[f"{region}_share"] = share
print(best)

daily = sales.groupby("day")["paid"].sum().sort_index()
smooth = daily.rolling(14, min_periods=1).mean()
growth = smooth.pct_change().fillna(0)
monthly = {}
for month, group in sales.groupby("month"):
    monthly[month] = group["paid"].describe()
sales["quantile"] = sales.groupby("shop")["paid"].rank(pct=True)
top = sales[sales["quantile"] > 0.99].sort_values("paid", ascending=False)
wide = sales.set_index(["shop", "day"])["paid"].sort_index()
text = sales["product"].astype(str).str.zfill(5).str.slice(0, 3).value_counts()
for _ in range(3):
    sample = sales.sample(frac=0.5, random_state=int(_))
    quantiles = sample.groupby("region")["paid"].quantile([0.1, 0.5, 0.9]).unstack()
print(quantiles.round(2).to_string())
print(round(float(growth.std()), 6), len(top), len(wide), len(text), ranks.shape)
