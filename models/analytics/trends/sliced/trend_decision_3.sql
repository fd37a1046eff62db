{{ trend_decision(3) }}
