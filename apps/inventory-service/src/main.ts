process.stdout.write('inventory-service: nothing here yet\n');
