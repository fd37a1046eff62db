{{ decision(4) }}
