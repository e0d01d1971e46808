Console.WriteLine("engine");
return 0;
