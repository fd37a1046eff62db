{{ trend_decision(1) }}
