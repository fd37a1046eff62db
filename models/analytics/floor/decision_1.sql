{{ decision(1) }}
