{{ trend_decision(4) }}
