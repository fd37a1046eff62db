{{ decision(5) }}
