process.stdout.write('order-service: nothing here yet\n');
