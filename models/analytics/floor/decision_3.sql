{{ decision(3) }}
