{{ decision(2) }}
