{{ trend_decision(2) }}
